import { Module } from '@nestjs/common';
import { CatalogueModule } from '../catalogue/catalogue.module.js';
import { TillsController } from './tills.controller.js';

@Module({ imports: [CatalogueModule], controllers: [TillsController] })
export class TillsModule {}
