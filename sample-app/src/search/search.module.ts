import { Module } from '@nestjs/common';
import { CatalogueModule } from '../catalogue/catalogue.module.js';
import { SearchController } from './search.controller.js';

@Module({ imports: [CatalogueModule], controllers: [SearchController] })
export class SearchModule {}
