import { Module } from '@nestjs/common';
import { CatalogueModule } from '../catalogue/catalogue.module.js';
import { SimulatedPartner } from './simulated-partner.js';
import { StockController } from './stock.controller.js';
import { Warehouse } from './warehouse.js';

@Module({
  imports: [CatalogueModule],
  controllers: [StockController],
  providers: [Warehouse, SimulatedPartner],
  exports: [SimulatedPartner],
})
export class PartnerModule {}
